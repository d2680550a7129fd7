/** The session, thread, turn and task views as a person reads them. */
import type { SessionState, TaskRow, ThreadState, TurnRow } from '../index.js'
import { bad, good, oneLine, styled, table } from './terminal.js'

export function sessionTable(sessions: readonly SessionState[]): string {
  return table([
    ['session', 'status', 'last activity', 'turns', 'calls', 'title'],
    ...sessions.map(({ id, status, lastActivity, turns, calls, title }) => [
      oneLine(id),
      coloured(status),
      time(lastActivity).slice(0, 16),
      turns,
      calls,
      oneLine(title ?? ''),
    ]),
  ])
}

export function threadTable(threads: readonly ThreadState[]): string {
  const several = new Set(threads.map(({ session }) => session)).size > 1
  return table([
    ['thread', ...(several ? ['session'] : []), 'status', 'turns', 'head', 'running', 'queue'],
    ...threads.map(({ threadId, session, status, turns, head, running, queue }) => [
      oneLine(threadId),
      ...(several ? [oneLine(session)] : []),
      status,
      turns,
      oneLine(head ?? '-'),
      oneLine(running ?? '-'),
      oneLine(queue.join(' ') || '-'),
    ]),
  ])
}

/** Names the session only where the turns are of several. */
export function turnTable(turns: readonly TurnRow[]): string {
  const several = new Set(turns.map(({ session }) => session)).size > 1
  return table([
    [...(several ? ['session'] : []), 'turn', 'status', 'attempts', 'items', 'calls', 'tokens', 'began', 'why'],
    ...turns.map(({ session, turnId, status, attempts, items, calls, unknownCalls, tokens, startedAt, error, cause, stopReason }) => [
      ...(several ? [oneLine(session)] : []),
      oneLine(turnId),
      coloured(status),
      attempts,
      items,
      calls,
      `${tokens.input}/${tokens.output}`,
      time(startedAt).slice(0, 16),
      oneLine(
        [...(unknownCalls === 0 ? [] : [`${unknownCalls} without an outcome`]), error ?? cause ?? stopReason ?? ''].join('; '),
      ).replace(/; $/, ''),
    ]),
  ])
}

export function taskTable(tasks: readonly TaskRow[]): string {
  return table([
    ['task', 'status', 'attempts', 'done', 'last activity', 'title', 'summary'],
    ...tasks.map(({ taskId, status, attempts, percent, lastActivity, title, summary }) => [
      oneLine(taskId),
      coloured(status),
      attempts,
      percent === undefined ? '' : `${percent} %`,
      time(lastActivity).slice(0, 16),
      oneLine(title ?? ''),
      oneLine(summary ?? ''),
    ]),
  ])
}

/** Universal time, so that it says the same on every machine. */
export function time(at: number | undefined): string {
  return at === undefined || at <= 0 ? '-' : new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

function coloured(status: string): string {
  if (status === 'completed' || status === 'active') return good(status)
  if (status === 'failed' || status === 'interrupted') return bad(status)
  return styled('yellow', status)
}
