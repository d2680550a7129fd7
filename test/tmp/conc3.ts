import { openWith } from '../../src/journal.js'
import { events } from '../../src/events.js'
import { laws } from '../../src/turns.js'
import { upcasters } from '../../upcasters/index.js'
import { projections, session, thread, turn } from '../../projections/index.js'
import { rmSync } from 'node:fs'
const dir = process.cwd() + '/.bench-x'
const run = async (name: string, l: any, p: any) => {
rmSync(dir, { recursive: true, force: true })
const j: any = await openWith(dir, { events, upcasters, laws: l, projections: p } as any, {})
const names = Array.from({ length: 64 }, (_, i) => 's' + i)
for (const s of names) await j.append(s, [{ type: 'session.created', data: {} }, { type: 'thread.started', data: { threadId: 'main' } }, { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } }, { type: 'turn.started', data: { turnId: 't1' } }])
const text = 'x'.repeat(190)
let n = 0
const t = performance.now()
await Promise.all(names.map(async (s) => { for (let i = 0; i < 1000; i++) { n++; await j.append(s, [{ type: 'item.completed', data: { turnId: 't1', threadId: 'main', itemId: 'm' + i, kind: 'message', role: 'assistant', content: [{ type: 'text', text }] } }]) } }))
console.log(name, 'us', ((performance.now() - t) / n * 1000).toFixed(1))
await j.close()
}
for (let k = 0; k < 1; k++) { await run('all', laws, projections) } for (let k = 0; k < 0; k++) {
await run('none', [], [])
await run('laws', laws, [])
await run('session', [], [session])
await run('session thread turn', [], [session, thread, turn])
await run('all proj', [], projections)
await run('all', laws, projections)
}
rmSync(dir, { recursive: true, force: true })
