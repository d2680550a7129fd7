/** No store: what write, fdatasync and the way to the thread that syncs leave to everybody. */
import { fdatasync, fdatasyncSync, writeSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packr, type Contender, type Sink } from './store.js'
import type { Commit } from '../workload.js'

/** Written with zeros before anything is measured, and written over from the beginning when it is full. */
const FILE_BYTES = 64 << 20
const sync = promisify(fdatasync)

/** Everyone who waits while a sync runs goes into the next write. Encodes, and checks nothing. */
export const rawGroups: Contender<Sink> = {
  name: 'no store: encode, group, write + fdatasync',
  role: 'reference',
  durability: 'write + fdatasync in another thread',
  syncs: '1',
  async open(directory) {
    const file = await openFile(join(directory, 'raw'), 'w')
    await file.write(Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0)
    await file.sync()
    let waiting: { bytes: Buffer; done: () => void }[] = []
    let running: Promise<void> | undefined
    let at = 0
    const run = async (): Promise<void> => {
      while (waiting.length > 0) {
        const group = waiting
        waiting = []
        const bytes = Buffer.concat(group.map((one) => one.bytes))
        if (at + bytes.length > FILE_BYTES) at = 0
        at += writeSync(file.fd, bytes, 0, bytes.length, at)
        await sync(file.fd)
        for (const { done } of group) done()
        // Whoever was resolved now comes along again.
        await new Promise((resolve) => setImmediate(resolve))
      }
      running = undefined
    }
    return {
      append({ stream, events }: Commit) {
        const bytes = packr.pack([stream, 1, null, Date.now(), null, events.map(({ type, data }) => [type, 1, data, 0])])
        return new Promise((done) => {
          waiting.push({ bytes, done })
          running ??= run()
        })
      },
      async close() {
        await running
        await file.close()
      },
    }
  },
}

/** As many bytes as one append takes in a journal, again and again. */
export const rawLoop = (blocking: boolean, bytes: number): Contender<Sink> => ({
  name: `no store: write + fdatasync${blocking ? ', blocking' : ''}`,
  role: 'reference',
  durability: `write + fdatasync ${blocking ? 'on the calling' : 'in another'} thread`,
  syncs: '1',
  async open(directory) {
    const file = await openFile(join(directory, 'raw'), 'w')
    await file.write(Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0)
    await file.sync()
    const frame = Buffer.alloc(bytes, 1)
    let at = 0
    return {
      async append() {
        if (at + bytes > FILE_BYTES) at = 0
        at += writeSync(file.fd, frame, 0, bytes, at)
        if (blocking) fdatasyncSync(file.fd)
        else await sync(file.fd)
      },
      close: () => file.close(),
    }
  },
})
