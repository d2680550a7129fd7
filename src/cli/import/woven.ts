/** What the weaver keeps of what is open in a session while it is being told, and the events it makes. */
import type { Fields } from './fields.js'
import type { Usage } from './moments.js'

/** An event of the built-in catalogue, before it is appended. */
export interface Woven {
  type: string
  data: Fields
  meta: Fields
}

export interface Call {
  id: string
  name: string
  arguments: unknown
  /** `lost`: its outcome is on record as unknown. */
  status: 'open' | 'lost'
}

export interface Turn {
  id: string
  thread: string
  attempt: number
  status: 'running' | 'interrupted'
  /** It was this program that called it interrupted, because the source ended. */
  concluded: boolean
  /** Calls without an outcome of their own, by the name the source gives them, in the order they were made. */
  calls: Map<string, Call>
  /** Every id that a call or an item of the turn has had, and every one of a question. */
  used: Set<string>
  usedAsks: Set<string>
  /** Items that are being streamed: the name in the source, and what they are. */
  items: Map<string, { id: string; of: 'message' | 'reasoning' }>
  /** Questions that wait for an answer: the name in the source, and the event's id for it. */
  asks: Map<string, string>
  usage: Usage | undefined
  model: string | undefined
  /** The source says itself when it ends. */
  explicit: boolean
  /** The last thing that happened was that the model said something. */
  said: boolean
}

export interface Thread {
  id: string
  turn: Turn | undefined
  /** Turns that wait. */
  queue: string[]
  /** The last turn was called completed because the source ended, or something else began; the source may say so yet. */
  concluded: boolean
  /** Input that came while no turn ran; the next turn gets it. */
  held: Fields[]
}

export const newThread = (id: string): Thread => ({ id, turn: undefined, queue: [], concluded: false, held: [] })

export function newTurn(id: string, thread: string, explicit: boolean): Turn {
  return {
    id,
    thread,
    attempt: 1,
    status: 'running',
    concluded: false,
    calls: new Map(),
    used: new Set(),
    usedAsks: new Set(),
    items: new Map(),
    asks: new Map(),
    usage: undefined,
    model: undefined,
    explicit,
    said: false,
  }
}

/** The id as it is, or with a number behind it where it was used before. */
export function unused(id: string, used: { has(id: string): boolean }): string {
  if (!used.has(id)) return id
  let next = 2
  while (used.has(`${id}~${next}`)) next += 1
  return `${id}~${next}`
}

export function addUsage(sum: Usage | undefined, more: Usage): Usage {
  const total: Usage = { ...sum }
  for (const [name, value] of Object.entries(more) as [keyof Usage, number | undefined][]) {
    if (value !== undefined) total[name] = (total[name] ?? 0) + value
  }
  return total
}
