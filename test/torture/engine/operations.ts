/** What an agent runtime asks of its journal, commit by commit: sessions with turns and tool calls, and tasks. */
import type { NewEvent } from '../../../src/define.js'
import { pick, type Choice } from '../../support/disk/choice.js'

/** One commit, with the id under which it can be asked for again. */
export interface Operation {
  commitId: string
  stream: string
  events: NewEvent[]
}

type Phase = 'new' | 'idle' | 'submitted' | 'running' | 'calling'

/** Decides what a runtime would do next. It knows what it has seen of the journal, and what it did since. */
export class Runtime {
  readonly #choice: Choice
  #phases = new Map<string, Phase>()
  #count = 0
  #turns = new Map<string, string>()

  constructor(choice: Choice) {
    this.#choice = choice
  }

  /** After a boot, every turn that ran is closed, and what was queued is left alone. */
  boots(known: ReadonlySet<string>): void {
    this.#phases = new Map(Array.from(known, (stream) => [stream, 'idle']))
  }

  next(): Operation {
    const n = this.#count++
    const stream = pick(this.#choice, ['session-1', 'session-2', 'session-3', `task-${n}`])
    const events = stream.startsWith('task') ? task(stream) : this.#session(stream, n)
    const padding = '.'.repeat(this.#choice.int(pick(this.#choice, [1, 50, 900])))
    // What tells this commit's events from all others.
    for (const [i, event] of events.entries()) event.data = { ...(event.data as object), extra: { n, i, of: events.length, padding } }
    return { commitId: `op-${n}`, stream, events }
  }

  #session(stream: string, n: number): NewEvent[] {
    const phase = this.#phases.get(stream) ?? 'new'
    const turnId = phase === 'new' || phase === 'idle' ? `t${n}` : this.#turns.get(stream)!
    this.#turns.set(stream, turnId)
    const [to, events] = after(phase, stream, turnId, n)
    this.#phases.set(stream, to)
    return events
  }
}

/** What a session does next, and in which phase that leaves it. */
function after(phase: Phase, title: string, turnId: string, n: number): [Phase, NewEvent[]] {
  const threadId = 'main'
  const submit = { type: 'turn.submitted', data: { threadId, turnId, input: [{ type: 'text', text: 'go' }] } }
  switch (phase) {
    case 'new':
      return ['submitted', [{ type: 'session.created', data: { title } }, { type: 'thread.started', data: { threadId } }, submit]]
    case 'idle':
      return ['submitted', [submit]]
    case 'submitted':
      return ['running', [{ type: 'turn.started', data: { turnId } }]]
    case 'running':
      return [
        'calling',
        [
          { type: 'tool.requested', data: { turnId, callId: `c${n}`, name: 'read', arguments: { path: 'a' } } },
          { type: 'tool.started', data: { turnId, callId: `c${n}` } },
        ],
      ]
    default:
      return ['idle', [{ type: 'turn.completed', data: { turnId, usage: { inputTokens: n, outputTokens: 1 } } }]]
  }
}

function task(taskId: string): NewEvent[] {
  return [
    { type: 'task.enqueued', data: { taskId, title: taskId } },
    { type: 'task.started', data: { taskId } },
    { type: 'task.progressed', data: { taskId } },
  ]
}
