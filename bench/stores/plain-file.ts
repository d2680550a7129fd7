/** No store: commits one behind the other in a file, each with its length and checksum, read back in large pieces. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
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
    const out = loading ? openSync(path, 'w') : undefined
    const each = async (visit: (event: RecordedEvent) => void): Promise<void> => {
      let position = 0
      eachRecord(path, (record) => {
        const [stream, first, at, events] = packr.unpack(record) as Stored
        let version = first
        for (const [type, schema, data] of events) visit({ position: ++position, stream, version: version++, type, schema, at, data })
      })
    }
    return {
      async append({ stream, expected, events }) {
        const body = packr.pack([stream, expected + 1, Date.now(), events.map(({ type, data }) => [type, 1, data])])
        const head = Buffer.alloc(HEAD_BYTES)
        head.writeUInt32LE(body.length, 0)
        head.writeUInt32LE(crc32(body), 4)
        if (out !== undefined) writeSync(out, Buffer.concat([head, body]))
      },
      each,
      eachOf: (stream, visit) => each((event) => event.stream === stream && visit(event)),
      close: async () => {
        if (out !== undefined) closeSync(out)
      },
    }
  },
}

/** Calls back with every record, which is only there for as long as that takes: all of them are read into the same bytes. */
function eachRecord(path: string, visit: (record: Buffer) => void): void {
  const file = openSync(path, 'r')
  try {
    let chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let left = 0; ;) {
      const read = readSync(file, chunk, left, chunk.length - left, null)
      if (read === 0) {
        if (left > 0) throw new Error('a record is cut')
        return
      }
      const end = left + read
      const at = visitWhole(chunk, end, visit)
      left = end - at
      // One record has all of it, and goes on.
      if (left === chunk.length) chunk = Buffer.concat([chunk], chunk.length * 2)
      else chunk.copyWithin(0, at, end)
    }
  } finally {
    closeSync(file)
  }
}

/** Where the first record begins that is not whole. */
function visitWhole(chunk: Buffer, end: number, visit: (record: Buffer) => void): number {
  for (let at = 0; ;) {
    const from = at + HEAD_BYTES
    const to = from + (from <= end ? chunk.readUInt32LE(at) : 0)
    if (from > end || to > end) return at
    const record = chunk.subarray(from, to)
    if (crc32(record) !== chunk.readUInt32LE(at + 4)) throw new Error('a record does not check')
    visit(record)
    at = to
  }
}
