import { openJournal } from '../../src/index.js'
import { session, thread, turn, task } from '../../projections/index.js'
import { rmSync } from 'node:fs'
rmSync('/tmp/j2', { recursive: true, force: true })
let j = await openJournal('/tmp/j2')
const receipt = await j.append('session-42', [
  { type: 'session.created', data: { title: 'Why is CI red?' } },
  { type: 'thread.started', data: { threadId: 'main' } },
  { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [{ type: 'text', text: 'Why is CI red?' }] } },
], { expectedVersion: 0, commitId: 'op-1' })
console.log(receipt)
await j.append('session-42', [{ type: 'turn.started', data: { turnId: 't1' } }, { type: 'item.started', data: { turnId: 't1', itemId: 'i', kind: 'message' } }, { type: 'item.delta', data: { turnId: 't1', itemId: 'i', text: 'hel' } }, { type: 'tool.requested', data: { turnId: 't1', callId: 'c', name: 'x', arguments: {} } }, { type: 'tool.started', data: { turnId: 't1', callId: 'c' } }])
await j.append('session-42', [{ type: 'turn.submitted', data: { threadId: 'main', turnId: 't2', input: [] } }])
await j.append('task-7', [{ type: 'task.enqueued', data: { taskId: 'task-7' } }, { type: 'task.started', data: { taskId: 'task-7' } }])
await j.close()
j = await openJournal('/tmp/j2')
console.dir(j.recovery, { depth: 5 })
for await (const e of j.readAll()) console.log(e.position, e.stream, e.version, e.type, JSON.stringify(e.data))
console.dir(await j.transcript('session-42', 'main'), { depth: 6 })
for (const v of [await j.view(session, 'session-42'), await j.view(thread, ['session-42', 'main']), await j.view(turn, ['session-42', 't1']), await j.view(task, 'task-7')]) console.log(v)
for await (const row of j.list(session, { by: 'lastActivity', reverse: true })) console.log(row.state.title)
await j.snapshot()
console.log(await j.verify({ snapshots: true }))
await j.close()
j = await openJournal('/tmp/j2')
console.log(j.recovery.interrupted, j.recovery.pending, j.recovery.tasks)
await j.close()
