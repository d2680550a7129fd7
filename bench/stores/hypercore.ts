/** hypercore: a signed log in RocksDB. It does not sync what it appends, so it is shown and not counted. */
import Hypercore from 'hypercore'
import { join } from 'node:path'
import type { RecordedEvent } from '../../src/index.js'
import { mustBeAt, packr, type Contender } from './store.js'

type Stored = [stream: string, version: number, type: string, schema: number, at: number, data: unknown]

export const hypercore: Contender = {
  name: 'hypercore (does not sync)',
  role: 'shown',
  durability: 'none against power loss',
  checks: 'memory',
  syncs: '0',
  async open(directory) {
    const core = new Hypercore(join(directory, 'core'))
    await core.ready()
    const heads = new Map<string, number>()
    const each = async (visit: (event: RecordedEvent) => void): Promise<void> => {
      for (let i = 0; i < core.length; i++) {
        const [stream, version, type, schema, at, data] = packr.unpack((await core.get(i)) as Buffer) as Stored
        visit({ position: i + 1, stream, version, type, schema, at, data })
      }
    }
    return {
      async append(commit) {
        const { stream, events } = commit
        const version = heads.get(stream) ?? 0
        mustBeAt(version, commit)
        heads.set(stream, version + events.length)
        await core.append(events.map(({ type, data }, i) => packr.pack([stream, version + 1 + i, type, 1, Date.now(), data])))
      },
      each,
      eachOf: (stream, visit) => each((event) => event.stream === stream && visit(event)),
      close: () => core.close(),
    }
  },
}
