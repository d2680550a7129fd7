/** The views: every built-in projection, and the transcript. */
import { call } from './call.js'
import { item } from './item.js'
import { session } from './session.js'
import { task } from './task.js'
import { thread } from './thread.js'
import { timeline } from './timeline.js'
import { turn } from './turn.js'

export { call, item, session, task, thread, timeline, turn }
export type { CallRow } from './call.js'
export type { ItemRow } from './item.js'
export type { SessionState } from './session.js'
export type { TaskRow } from './task.js'
export type { ThreadState } from './thread.js'
export type { TimelineEntry } from './timeline.js'
export { tailFrom, tailOf, type TranscriptTail } from './transcript-tail.js'
export { transcript, type Transcript, type TranscriptItem } from './transcript.js'
export type { TurnRow } from './turn.js'

export const projections = [session, thread, turn, item, call, task, timeline] as const
