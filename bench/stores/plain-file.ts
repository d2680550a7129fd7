/** No store: commits one behind the other in a file, each with its length and checksum, read back in large pieces. */
import { writeSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { RecordedEvent } from '../../src/index.js'
import { packr, type Contender } from './store.js'

type Stored = [stream: string, version: number, at: number, events: [type: string, schema: number, data: unknown][]]

const CHUNK_BYTES = 1 << 20
const HEAD_BYTES = 8

export const plainFile: Contender = {
  name: 'no store: a file, read, checked and decoded',
  role: 'reference',
  durability: 'none',
  syncs: '0',
  async open(directory, loading = false) {
    const path = join(directory, 'commits')
    const out = loading ? await openFile(path, 'w') : undefined
    const versions = new Map<string, number>()
    const each = async (visit: (event: RecordedEvent) => void): Promise<void> => {
      let position = 0
      for await (const record of records(path)) {
        const [stream, version, at, events] = packr.unpack(record) as Stored
        for (const [i, [type, schema, data]] of events.entries())
          visit({ position: ++position, stream, version: version + i, type, schema, at, data })
      }
    }
    return {
      async append({ stream, events }) {
        const version = versions.get(stream) ?? 0
        versions.set(stream, version + events.length)
        const body = packr.pack([stream, version + 1, Date.now(), events.map(({ type, data }) => [type, 1, data])])
        const head = Buffer.alloc(HEAD_BYTES)
        head.writeUInt32LE(body.length, 0)
        head.writeUInt32LE(crc32(body), 4)
        if (out !== undefined) writeSync(out.fd, Buffer.concat([head, body]))
      },
      each,
      eachOf: (stream, visit) => each((event) => event.stream === stream && visit(event)),
      close: async () => out?.close(),
    }
  },
}

async function* records(path: string): AsyncGenerator<Buffer, void, undefined> {
  const file = await openFile(path, 'r')
  try {
    let left = Buffer.alloc(0)
    for (let chunk = Buffer.alloc(CHUNK_BYTES); ; chunk = Buffer.alloc(CHUNK_BYTES)) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES)
      if (bytesRead === 0) return
      const bytes = left.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([left, chunk.subarray(0, bytesRead)])
      let at = 0
      while (at + HEAD_BYTES <= bytes.length && at + HEAD_BYTES + bytes.readUInt32LE(at) <= bytes.length) {
        const record = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + bytes.readUInt32LE(at))
        if (crc32(record) !== bytes.readUInt32LE(at + 4)) throw new Error('a record does not check')
        yield record
        at += HEAD_BYTES + record.length
      }
      left = bytes.subarray(at)
    }
  } finally {
    await file.close()
  }
}
