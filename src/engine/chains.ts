/** The steps at work: what every shape that ever was leads to, checked when they are put together, walked when an old event is read. */
import { shapesOf, type EventDefinition, type Shape, type StepContext, type Upcaster } from '../define.js'
import { JournalError } from '../errors.js'
import { refusalOf } from './fits.js'

/** A shape of today or of the past, and where the step from there leads. */
export interface Stage {
  readonly type: string
  readonly schema: number
  /** There where the shape is today's. */
  readonly definition?: EventDefinition
  /** There where it is not. */
  readonly step?: Upcaster
  /** Where the step leads, unless it splits. */
  next?: Stage
  /** What the step splits into, by type. */
  parts?: ReadonlyMap<string, Stage>
}

/** An event, or a part of one, that has today's shape. */
export interface Grown {
  definition: EventDefinition
  type: string
  data: unknown
}

/** What is wrong with a step, or with what it made of an event. */
export class StepFault extends Error {}

export class Chains {
  /** For each type of today and of the past its shapes, schema 1 first. */
  readonly #stages: ReadonlyMap<string, readonly Stage[]>
  readonly #leads = new Map<string, ReadonlySet<string>>()

  /** @throws JournalError JOURNAL_UPCASTER_MISSING for a gap or a duplicate; TypeError for a step that leads nowhere. */
  constructor(definitions: ReadonlyMap<string, EventDefinition>, upcasters: readonly Upcaster[]) {
    this.#stages = stagesOf(definitions, upcasters)
    for (const stages of this.#stages.values()) for (const stage of stages) this.#connect(stage)
    for (const [type, stages] of this.#stages) this.#leads.set(type, this.#todaysTypes(type, stages))
  }

  /** The newest schema of a type that can be read; 0 where the type is not known. */
  newest(type: string): number {
    return this.#stages.get(type)?.length ?? 0
  }

  /** Types of today that events stored under this type may have; none where it is not known. */
  leadsTo(type: string): ReadonlySet<string> {
    return this.#leads.get(type) ?? NONE
  }

  stage({ type, schema }: Shape): Stage | undefined {
    return this.#stages.get(type)?.[schema - 1]
  }

  /** Brings data of a shape to today's: one event, several, or none. @throws StepFault */
  up(stage: Stage, data: unknown, context: StepContext): Grown[] {
    const grown: Grown[] = []
    grow(stage, data, context, grown)
    return grown
  }

  #connect(stage: Stage): void {
    const { step } = stage
    if (step === undefined) return
    const { to = { type: stage.type, schema: stage.schema + 1 } } = step
    const targets = shapesOf(to).map((shape) => this.stage(shape) ?? nowhere(step, shape))
    if (Array.isArray(to)) stage.parts = new Map(targets.map((target) => [target.type, target]))
    else stage.next = targets[0] as Stage
    if (stage.parts !== undefined && stage.parts.size < targets.length)
      throw new TypeError(`The upcaster ${step.type}@${step.from} leads to one type twice; the schema of a part could not be told`)
  }

  #todaysTypes(type: string, stages: readonly Stage[]): ReadonlySet<string> {
    const found = new Set<string>()
    const visit = (stage: Stage, path: readonly Stage[]): void => {
      if (path.includes(stage)) throw new TypeError(`The upcasters of ${type} lead in a circle, back to ${stage.type}@${stage.schema}`)
      if (stage.definition !== undefined) found.add(stage.type)
      for (const next of stage.parts?.values() ?? (stage.next === undefined ? [] : [stage.next])) visit(next, [...path, stage])
    }
    for (const stage of stages) visit(stage, [])
    return found
  }
}

const NONE: ReadonlySet<string> = new Set()

function grow(from: Stage, given: unknown, context: StepContext, into: Grown[]): void {
  let stage = from
  let data = given
  while (stage.step !== undefined) {
    const made = taken(stage, data, context)
    if (stage.parts !== undefined) {
      for (const { target, data: part } of partsOf(stage, stage.parts, made)) grow(target, part, context, into)
      return
    }
    data = made
    stage = stage.next as Stage
  }
  const definition = stage.definition as EventDefinition
  const refusal = refusalOf(definition.data, data)
  if (refusal !== undefined)
    throw new StepFault(`what the steps made of it does not fit ${stage.type}@${definition.schema}`, { cause: refusal })
  into.push({ definition, type: stage.type, data })
}

function taken({ type, schema, step }: Stage, data: unknown, context: StepContext): unknown {
  let made: unknown
  try {
    made = (step as Upcaster).up(data as never, context)
  } catch (error) {
    throw new StepFault(`the step from ${type}@${schema} threw`, { cause: error })
  }
  // An open shape takes a promise for an object without fields.
  if (typeof (made as { then?: unknown } | null | undefined)?.then === 'function')
    throw new StepFault(`the step from ${type}@${schema} returned a promise; steps are synchronous`)
  return made
}

function partsOf({ type, schema }: Stage, targets: ReadonlyMap<string, Stage>, made: unknown): { target: Stage; data: unknown }[] {
  if (!Array.isArray(made)) throw new StepFault(`the step from ${type}@${schema} splits and did not return a list`)
  return (made as ({ type?: string; data?: unknown } | undefined)[]).map((part) => {
    const target = targets.get(part?.type ?? '')
    if (target === undefined)
      throw new StepFault(
        `the step from ${type}@${schema} returned a part of type ${JSON.stringify(part?.type)}, which it does not lead to`,
      )
    return { target, data: part?.data }
  })
}

function stagesOf(definitions: ReadonlyMap<string, EventDefinition>, upcasters: readonly Upcaster[]): Map<string, readonly Stage[]> {
  const steps = new Map<string, Upcaster[]>()
  for (const step of upcasters) {
    const definition = definitions.get(step.type)
    if (definition !== undefined && step.from >= definition.schema)
      throw new TypeError(`The upcaster ${step.type}@${step.from} leads nowhere: the catalogue has @${definition.schema}`)
    const chain = steps.get(step.type) ?? []
    if (chain[step.from - 1] !== undefined) throw missing(step.type, step.from, 'stands twice')
    chain[step.from - 1] = step
    steps.set(step.type, chain)
  }
  const types = new Set([...definitions.keys(), ...steps.keys()])
  return new Map(Array.from(types, (type) => [type, stagesOfType(type, definitions.get(type), steps.get(type) ?? [])]))
}

function stagesOfType(type: string, definition: EventDefinition | undefined, steps: readonly Upcaster[]): Stage[] {
  const past = Array.from({ length: definition === undefined ? steps.length : definition.schema - 1 }, (_, i): Stage => {
    const step = steps[i]
    if (step === undefined) throw missing(type, i + 1, 'is missing')
    return { type, schema: i + 1, step }
  })
  return definition === undefined ? past : [...past, { type, schema: definition.schema, definition }]
}

function nowhere(step: Upcaster, { type, schema }: Shape): never {
  throw new TypeError(
    `The upcaster ${step.type}@${step.from} leads nowhere: there is no ${type}@${schema} in the catalogue, and no step from there`,
  )
}

function missing(type: string, from: number, what: string): JournalError {
  return new JournalError(
    'JOURNAL_UPCASTER_MISSING',
    `The upcaster of ${type} from schema ${from} to ${from + 1} ${what}. Name each step once in upcasters; a type that went out of use needs a last step that renames, splits or drops it.`,
    { type, from, to: from + 1 },
  )
}
