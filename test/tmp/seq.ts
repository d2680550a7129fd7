import fs from 'node:fs'
import { openCommitStore } from '../../src/segments/open.js'
import { nodeFiles, systemClock } from '../../src/segments/node-files.js'
const dir = process.cwd() + '/.bench-y'
fs.rmSync(dir, { recursive: true, force: true })
const notes: any = { initial: () => 0, fold: (n: number) => n + 1, isOpen: () => false, claims: () => [], encode: () => Buffer.from('x'), decode: () => 0 }
const store: any = await openCommitStore(dir, { notes, admit: () => undefined, files: nodeFiles, clock: systemClock })
const data = { text: 'x'.repeat(230) }
let v = 0
const raw = async (n: number) => { const fd = fs.openSync(dir + '/raw' + Math.random(), 'w+'); const b = Buffer.alloc(400, 1); let o = 0; const t = performance.now(); for (let i = 0; i < n; i++) { fs.writeSync(fd, b, 0, 400, o); o += 400; await new Promise<void>((r) => fs.fdatasync(fd, () => r())) } return (performance.now() - t) / n * 1000 }
const rawpre = async (n: number) => { const fd = fs.openSync(dir + '/raw' + Math.random(), 'w+'); fs.writeSync(fd, Buffer.alloc(1 << 20)); fs.fsyncSync(fd); const b = Buffer.alloc(400, 1); let o = 0; const t = performance.now(); for (let i = 0; i < n; i++) { fs.writeSync(fd, b, 0, 400, o); o += 400; await new Promise<void>((r) => fs.fdatasync(fd, () => r())) } return (performance.now() - t) / n * 1000 }
for (let k = 0; k < 4; k++) {
  const a = await raw(500), p = await rawpre(500)
  const t = performance.now()
  for (let i = 0; i < 500; i++) await store.append({ stream: 's', version: ++v, at: 1, events: [{ type: 't', schema: 1, data, flags: 0 }] }, v, 'disk')
  console.log('raw', a.toFixed(0), 'pre', p.toFixed(0), 'store', ((performance.now() - t) / 500 * 1000).toFixed(0))
}
await store.close()
fs.rmSync(dir, { recursive: true, force: true })
