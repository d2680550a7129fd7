/** A history read from its beginning, every event of it decoded. */
import { timed, type Bench } from '../bench.js'
import type { Run } from '../measure.js'
import { peers } from '../stores/all.js'
import { turnlog } from '../stores/turnlog.js'
import { throughAll } from './shapes.js'
import { plainFile } from '../stores/plain-file.js'
import type { Shape } from '../workload.js'

export const scans = throughAll('full scan, every event checked and decoded', runs, { small: 2, real: 1.4 })

function runs(bench: Bench, shape: Shape): Run[] {
  return [plainFile, turnlog, ...peers].map((contender) => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const store = await contender.open(await bench.history(contender, shape))
      try {
        let read = 0
        const seconds = await timed(() => store.each(() => read++))
        if (read !== shape.events) throw new Error(`${contender.name} read ${read} events, not ${shape.events}`)
        return read / seconds
      } finally {
        await store.close()
      }
    },
  }))
}
