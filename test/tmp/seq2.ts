import fs from 'node:fs'
import { openCommitStore } from '../../src/segments/open.js'
import { nodeFiles, systemClock } from '../../src/segments/node-files.js'
const dir = process.cwd() + '/.bench-y'
fs.rmSync(dir, { recursive: true, force: true })
const notes: any = { initial: () => 0, fold: (n: number) => n + 1, isOpen: () => false, claims: () => [], encode: () => Buffer.from('x'), decode: () => 0 }
let sync = 0, write = 0, other = 0
const files: any = { ...nodeFiles, async open(p: string, f: any) { const h: any = await nodeFiles.open(p, f); return { write(b: any, o: number) { const t = performance.now(); const r = h.write(b, o); write += performance.now() - t; return r }, read: (b: any, o: number) => h.read(b, o), async datasync() { const t = performance.now(); await h.datasync(); sync += performance.now() - t }, size: () => h.size(), tryLock: (m: any) => h.tryLock(m), close: () => h.close() } } }
const store: any = await openCommitStore(dir, { notes, admit: () => undefined, files, clock: systemClock })
const data = { text: 'x'.repeat(230) }
let v = 0
for (let k = 0; k < 6; k++) {
  sync = write = 0
  const t = performance.now()
  for (let i = 0; i < 1000; i++) await store.append({ stream: 's', version: ++v, at: 1, events: [{ type: 't', schema: 1, data, flags: 0 }] }, v, 'disk')
  console.log('store', ((performance.now() - t)).toFixed(0), 'us; sync', sync.toFixed(0), 'write', write.toFixed(0))
}
await store.close()
fs.rmSync(dir, { recursive: true, force: true })
