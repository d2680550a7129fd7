import { openJournal } from '../../src/index.js'
import { rmSync } from 'node:fs'
const dir = process.cwd() + '/.bench-x'
rmSync(dir, { recursive: true, force: true })
const j = await openJournal(dir)
const names = Array.from({ length: 64 }, (_, i) => 's' + i)
for (const s of names) await j.append(s, [{ type: 'session.created', data: {} }, { type: 'thread.started', data: { threadId: 'main' } }, { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } }, { type: 'turn.started', data: { turnId: 't1' } }])
const text = 'x'.repeat(190)
let n = 0
const t = performance.now()
await Promise.all(names.map(async (s) => { for (let i = 0; i < 1000; i++) { n++; await j.append(s, [{ type: 'item.completed', data: { turnId: 't1', threadId: 'main', itemId: 'm' + i, kind: 'message', role: 'assistant', content: [{ type: 'text', text }] } }]) } }))
console.log('us', (performance.now() - t) / n * 1000)
const t2 = performance.now()
let k = 0
for await (const e of j.readAll()) k++
console.log('read us', (performance.now() - t2) / k * 1000)
await j.close()
rmSync(dir, { recursive: true, force: true })
