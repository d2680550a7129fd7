/** Sessions that are trees: each record names the one before it. A record that goes on from an earlier one begins a branch. */
import type { Moment } from './moments.js'

interface Node {
  thread: string | undefined
  /** The turn it belongs to, by the name of its prompt. */
  turn: string | undefined
}

/** Records that are remembered; one that goes on from an older one goes on from the last. */
const NODES_MAX = 200_000

export class Branches {
  readonly #nodes = new Map<string, Node>()
  /** The last record of each thread, and of each turn. */
  readonly #tips = new Map<string | undefined, string>()
  readonly #ends = new Map<string, string>()
  /** The turn before each turn. */
  readonly #previous = new Map<string, string | undefined>()
  /** Threads in which somebody has asked something. */
  readonly #begun = new Set<string | undefined>()
  #thread: string | undefined
  #turn: string | undefined
  #last: string | undefined
  #count = 0

  /** The thread a record belongs to, and what has to happen before it. `begins`: it is a prompt, and its id is its turn's name. */
  next(id: string | undefined, parent: string | undefined, begins: boolean): { thread?: string; before: Moment[] } {
    const before = parent === undefined || parent === this.#last ? [] : this.#goTo(parent)
    if (begins) {
      if (id !== undefined) this.#previous.set(id, this.#turn)
      this.#turn = id
      this.#begun.add(this.#thread)
    }
    if (id !== undefined) this.#remember(id)
    return { ...(this.#thread === undefined ? {} : { thread: this.#thread }), before }
  }

  /** The last turn that was over before a record; undefined where there is none, or no such record. */
  turnBefore(id: string): string | undefined {
    const turn = this.#nodes.get(id)?.turn
    return turn === undefined ? undefined : this.#previous.get(turn)
  }

  #goTo(parent: string): Moment[] {
    const node = this.#nodes.get(parent)
    // A record of another file, or one that is not there: the source goes on where it is.
    if (node === undefined) return []
    const { thread, turn } = node
    this.#turn = turn
    this.#thread = thread
    // Before the first prompt there is nothing that a branch could leave behind.
    if (this.#tips.get(thread) === parent || !this.#begun.has(thread)) return []
    this.#count += 1
    this.#thread = `branch-${this.#count}`
    const inMiddle = turn !== undefined && this.#ends.get(turn) !== parent
    return [
      {
        kind: 'branched',
        thread: this.#thread,
        from: thread ?? 'main',
        ...(turn === undefined ? {} : { through: turn }),
        ...(inMiddle ? { inferred: 'a branch in the middle of a turn, which is told from its end' } : {}),
      },
    ]
  }

  #remember(id: string): void {
    this.#nodes.set(id, { thread: this.#thread, turn: this.#turn })
    this.#tips.set(this.#thread, id)
    if (this.#turn !== undefined) this.#ends.set(this.#turn, id)
    this.#last = id
    for (const map of [this.#nodes, this.#previous]) if (map.size > NODES_MAX) map.delete(map.keys().next().value as string)
  }
}
