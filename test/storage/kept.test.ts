import { expect, test } from 'vitest'
import { Kind, makeFrame, parseHeader } from '../../src/storage/frame.js'
import { encodeHeader, IndexFile, INDEX_HEADER_BYTES } from '../../src/storage/index-file.js'
import { PAGE_DATA, PageCache, Pages, pageSeed, PageWriter } from '../../src/storage/pages.js'

const JOURNAL = Buffer.alloc(16, 7)
const DIGEST = Buffer.alloc(32, 9)

// A small copy as Node makes it lies in a piece of memory of 8 KiB with others, and keeps all of it.
test('what is kept of a frame’s header keeps nothing else in memory', () => {
  const shape = { kind: Kind.segment, align: 3, flags: 0, count: 0, group: 1, first: 1, journal: JOURNAL, aux: 0, digest: DIGEST }
  const frame = makeFrame(shape, Buffer.alloc(8))
  expect(parseHeader(frame, 0)?.digest.buffer.byteLength).toBe(DIGEST.length)
})

test('what is kept of an index keeps nothing else in memory', async () => {
  const facts = {
    segment: 1,
    end: 0,
    position: 0,
    directoryAt: 128,
    streams: 0,
    seeksAt: 128,
    seeks: 0,
    tableAt: PAGE_DATA,
    without: 0,
    keys: 0,
  }
  const chunks: Buffer[] = []
  const writer = new PageWriter(pageSeed(JOURNAL, 1), PAGE_DATA, async (pages) => void chunks.push(pages))
  await writer.put(encodeHeader({ ...facts, digest: DIGEST }))
  await writer.put(Buffer.alloc(PAGE_DATA - INDEX_HEADER_BYTES))
  await writer.end()
  const image = Buffer.concat(chunks)
  const pages = new Pages({ name: 'index', read: (into, offset) => image.copy(into, 0, offset) }, new PageCache(), JOURNAL, 1)
  const { header } = await IndexFile.open(pages, image.length)
  expect(header.digest.buffer.byteLength).toBe(DIGEST.length)
})
