/** Open files, shared among those who read. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Handles } from '../../src/storage/handles.js'
import { MemoryFiles } from './support/memory-files.js'

let files: MemoryFiles
beforeEach(() => {
  files = new MemoryFiles()
  for (let n = 0; n < 100; n++) files.inodes.set(`/${n}`, { bytes: Buffer.from(String(n)), lock: undefined })
})
afterEach(() => expect(files.opened).toBe(0))

const size = (handles: Handles, path: string): Promise<number> => handles.with(path, (file) => file.size())

test('are kept open in small numbers, and closed at the end', async () => {
  const handles = new Handles(files)
  for (let n = 0; n < 100; n++) expect(await size(handles, `/${n}`)).toBe(String(n).length)
  expect(files.opened).toBeGreaterThan(1)
  expect(files.opened).toBeLessThan(60)
  await handles.close()
})

test('are closed too when the read goes on after the end, or begins there', async () => {
  const handles = new Handles(files)
  const { release } = await handles.acquire('/1')
  await handles.close()
  expect(await size(handles, '/2')).toBe(1)
  await release()
})
