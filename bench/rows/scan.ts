/** A history read from its beginning, every event of it decoded. */
import { fromChild, timed, type Bench } from '../bench.js'
import type { Run } from '../measure.js'
import { peers } from '../stores/all.js'
import { plainFile } from '../stores/plain-file.js'
import type { Contender } from '../stores/store.js'
import { turnlog } from '../stores/turnlog.js'
import { small, type Shape } from '../workload.js'
import { throughAll } from './shapes.js'

/** What waited together when it was written is read together, and most of a runtime's commits come alone. */
const turnlogAlone: Contender = { ...turnlog, name: 'turnlog, loaded one commit at a time' }
const contenders = [plainFile, turnlog, turnlogAlone, ...peers]

export const scans = throughAll('full scan, every event checked and decoded', runs, { small: 2, real: 1.4 })

function runs(bench: Bench, shape: Shape): Run[] {
  const compared = shape.mix === small ? contenders : contenders.filter((one) => one !== turnlogAlone)
  return compared.map((contender) => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const path = await bench.history(contender, shape, contender === turnlogAlone ? 1 : undefined)
      return fromChild<number>(import.meta.url, 'scanned', [contender.name, path, shape.events])
    },
  }))
}

/** Events a second of the second scan. */
export async function scanned(name: string, path: string, events: number): Promise<number> {
  const store = await contenders.find((one) => one.name === name)!.open(path)
  const scan = async (): Promise<void> => {
    let read = 0
    await store.each(() => read++)
    if (read !== events) throw new Error(`${name} read ${read} events, not ${events}`)
  }
  try {
    await scan()
    return events / (await timed(scan))
  } finally {
    await store.close()
  }
}
