/**
 * An import in a process of its own: `<journal> <source> [kill after so many bytes are read] [and so many milliseconds]`. Killed,
 * it leaves what it had acknowledged; else it says nothing.
 */
import { importSources } from '../../src/cli/import/run.js'

const [directory = '', source = '', after = '', later = '0'] = process.argv.slice(2)
const killAfter = after === '' ? Number.POSITIVE_INFINITY : Number(after)
const die = (): boolean => process.kill(process.pid, 'SIGKILL')
await importSources({
  directory,
  sources: [source],
  progress: (done) => {
    if (done < killAfter) return
    if (later === '0') die()
    else setTimeout(die, Number(later))
  },
})
