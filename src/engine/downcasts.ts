/** Writing for an older reader: what each type of today is stored as, so that a program with that reader's schemas can read it. */
import type { Downcaster, EventDefinition, SchemaLevel, Shape, StepContext } from '../define.js'

/** The way from today's shape of a type to one that the older reader knows. */
interface Way {
  steps: readonly Downcaster[]
  /** What is stored. */
  end: Shape
}

export class Downcasts {
  /** Types that are stored in an older shape. */
  readonly #ways = new Map<string, Way>()
  /** Types that the older reader does not know, and that no step brings to one it does. */
  readonly #withheld = new Set<string>()

  /** @throws TypeError for a step that stands twice or leads in a circle. */
  constructor(definitions: ReadonlyMap<string, EventDefinition>, downcasters: readonly Downcaster[], level: SchemaLevel) {
    const steps = new Map<string, Downcaster>()
    for (const step of downcasters) {
      const name = `${step.type}@${step.from}`
      if (steps.has(name)) throw new TypeError(`The downcaster from ${name} stands twice`)
      steps.set(name, step)
    }
    for (const [type, { schema, ignorable }] of definitions) {
      const way = wayFrom({ type, schema }, steps, level)
      if (way !== undefined && way.steps.length > 0) this.#ways.set(type, way)
      // What may be passed over needs no step where the older reader does not know the type at all.
      if (way === undefined && !(ignorable === true && level[type] === undefined)) this.#withheld.add(type)
    }
  }

  get withheld(): string[] {
    return [...this.#withheld].toSorted()
  }

  isWithheld(type: string): boolean {
    return this.#withheld.has(type)
  }

  /** What an event is stored as; undefined where that is what it is today. Throws what a step throws. */
  down(type: string, data: unknown, context: StepContext): (Shape & { data: unknown }) | undefined {
    const way = this.#ways.get(type)
    if (way === undefined) return undefined
    let older = data
    for (const step of way.steps) older = step.down(older as never, context)
    return { ...way.end, data: older }
  }
}

function wayFrom(start: Shape, steps: ReadonlyMap<string, Downcaster>, level: SchemaLevel): Way | undefined {
  const way: Downcaster[] = []
  const passed = new Set<string>()
  let at = start
  while (!((level[at.type] ?? 0) >= at.schema)) {
    const name = `${at.type}@${at.schema}`
    const step = steps.get(name)
    if (passed.has(name)) throw new TypeError(`The downcasters of ${start.type} lead in a circle, back to ${name}`)
    if (step === undefined) return undefined
    passed.add(name)
    way.push(step)
    at = step.to
  }
  return { steps: way, end: at }
}
