/**
 * An import in a process of its own: `<journal> <source> [kill after so many bytes are read]`. Killed, it leaves what it
 * had acknowledged; else it prints its report's counts and the most memory it took, in MiB.
 */
import { importSources } from '../../src/cli/import/run.js'

const [directory = '', source = '', after = ''] = process.argv.slice(2)
const killAfter = after === '' ? Number.POSITIVE_INFINITY : Number(after)
const { files, sessions, events, added } = await importSources({
  directory,
  sources: [source],
  progress: (done) => {
    if (done >= killAfter) process.kill(process.pid, 'SIGKILL')
  },
})
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(
  JSON.stringify({ files: files.length, damaged: files.flatMap(({ damaged }) => damaged), sessions, events, added, peakMiB }),
)
