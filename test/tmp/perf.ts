import { z } from 'zod'
import { defineEvents, defineProjection } from '../../src/define.js'
import { openWith } from '../../src/journal.js'
import { rmSync } from 'node:fs'
const ev = defineEvents({ added: { schema: 1, data: z.looseObject({ n: z.number(), text: z.string() }) } })
const sum = defineProjection(ev, { name: 'sum', revision: 1, state: z.object({ total: z.number() }), key: (e) => e.stream, initial: () => ({ total: 0 }), index: { total: (s) => s.total }, on: { added: (s, { data }) => ({ total: s.total + data.n }) } })
const dir = process.cwd() + '/.bench-x'
const open = (o = {}) => openWith<any, any>(dir, { events: ev, upcasters: [], projections: [sum as any], laws: [] }, o)
rmSync(dir, { recursive: true, force: true })
let j = await open()
const text = 'x'.repeat(200)
const T = async (name: string, n: number, f: () => Promise<unknown>) => { const t = performance.now(); await f(); const ms = performance.now() - t; console.log(name, (ms / n * 1000).toFixed(2), 'us each', Math.round(n / ms * 1000), '/s') }
await T('seq', 1000, async () => { for (let i = 0; i < 1000; i++) await j.append('b', [{ type: 'added', data: { n: 1, text } }]) })
await T('64 conc', 64000, () => Promise.all(Array.from({ length: 64 }, async (_, k) => { for (let i = 0; i < 1000; i++) await j.append('s' + k, [{ type: 'added', data: { n: 1, text } }]) })))
await T('bulk 100/commit', 300000, async () => { for (let b = 0; b < 30; b++) await Promise.all(Array.from({ length: 100 }, (_, k) => j.append('s' + k, Array.from({ length: 100 }, () => ({ type: 'added', data: { n: 1, text } }))))) })
await T('readAll', 365000, async () => { let n = 0; for await (const e of j.readAll()) n++; console.log(n) })
await T('stream read 300', 1, async () => { let n = 0; for await (const e of j.read('s3', { after: 3000, limit: 300 })) n++; console.log(n) })
await T('verify', 365000, () => j.verify())
await T('close', 1, () => j.close())
await T('open', 1, async () => { j = await open(); console.log(j.recovery.derived, j.recovery.replayed) })
await j.close()
rmSync(dir + '/derived', { recursive: true })
await T('open rebuilt', 365000, async () => { j = await open(); console.log(j.recovery.derived, j.recovery.replayed) })
await j.close()
rmSync(dir, { recursive: true })
console.log(process.memoryUsage().rss >> 20)
