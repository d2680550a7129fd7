/**
 * What was streamed and never completed, met from its end: each piece is searched with the beginning of what came behind it, so that
 * a match over two pieces is found and no more than that is held. What was completed is searched there, and its pieces are passed over.
 */
import type { RecordedEvent } from '../../index.js'
import { wordsIn, type ContentPart } from './words.js'

interface ItemData {
  turnId?: string
  itemId?: string
  text?: string
  content?: readonly ContentPart[]
}

export class Streamed {
  readonly #reach: number
  /** For each turn that was entered from its end, its items: the beginning of what follows; undefined where all is searched. */
  readonly #turns = new Map<string, Map<string, string | undefined>>()

  constructor(reach: number) {
    this.#reach = reach
  }

  /** What there is to search in a piece of an item; undefined in everything else. */
  text({ type, stream, data }: RecordedEvent): string | undefined {
    const { turnId = '', itemId = '', text = '', content = [] } = data as ItemData
    const key = JSON.stringify([stream, turnId])
    if (type === 'turn.submitted') this.#turns.delete(key)
    if (type !== 'item.completed' && type !== 'item.delta' && type !== 'item.started') return undefined
    const items = this.#turns.get(key) ?? new Map<string, string | undefined>()
    this.#turns.set(key, items)
    if (type === 'item.started') items.delete(itemId)
    else if (type === 'item.completed') items.set(itemId, undefined)
    else if (!items.has(itemId) || items.get(itemId) !== undefined) {
      const found = `${text}${wordsIn(content)}${items.get(itemId) ?? ''}`
      items.set(itemId, found.slice(0, this.#reach))
      return found
    }
    return undefined
  }

  /** The item was found once, which is enough. */
  found({ stream, data }: RecordedEvent): void {
    const { turnId = '', itemId = '' } = data as ItemData
    this.#turns.get(JSON.stringify([stream, turnId]))?.set(itemId, undefined)
  }
}
