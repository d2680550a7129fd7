/**
 * Frozen shapes: what every event type looked like at each of its schemas, examples of each, and what each step made of them.
 * Held against the catalogue and the steps of now, so that nobody changes what journals hold without noticing.
 */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { shapesOf, type Catalogue, type EventDefinition, type Shape, type StepContext, type Upcaster } from '../define.js'
import { JournalError } from '../errors.js'
import { exampleOf, otherExamplesOf, type JsonSchema } from './example.js'
import { refusalOf } from './fits.js'
import { contentOf, fromText, nameOf, shapeFile, stepFile, toJson, type Answer, type FrozenShape, type FrozenStep } from './frozen-files.js'
import { Schemas } from './schemas.js'

/** Something that does not agree with what was frozen. */
export interface Finding {
  type: string
  schema: number
  /** What is wrong, and what to do. */
  reason: string
}

/** What a step is told when its answer is frozen. */
const CONTEXT: StepContext = { at: Date.UTC(2026, 0, 2), meta: { actor: 'ann', occurredAt: Date.UTC(2026, 0, 1) } }
/** The same of the other examples. */
const BARE: StepContext = { at: CONTEXT.at }

export class Freezer {
  readonly #catalogue: Catalogue
  readonly #upcasters: readonly Upcaster[]
  /** What was frozen, by the name of its file. */
  readonly #frozen: ReadonlyMap<string, FrozenShape | FrozenStep>
  readonly findings: Finding[] = []
  /** Files that are missing. */
  readonly missing = new Map<string, FrozenShape | FrozenStep>()

  /** `texts` are the files that are there, by name. */
  constructor(catalogue: Catalogue, upcasters: readonly Upcaster[], texts: ReadonlyMap<string, string>) {
    this.#catalogue = catalogue
    this.#upcasters = upcasters
    this.#frozen = this.#read(texts)
    const schemas = this.#schemas()
    const examples = this.#examples()
    for (const example of examples) {
      this.#judgeShape(example)
      if (schemas !== undefined) this.#judgeExamples(schemas, example)
      this.#judgeStep(example)
    }
    this.#judgeLeft(examples)
  }

  /** Files that are what their names say; of every other one a finding. */
  #read(texts: ReadonlyMap<string, string>): Map<string, FrozenShape | FrozenStep> {
    const frozen = new Map<string, FrozenShape | FrozenStep>()
    for (const [name, text] of texts) {
      const content = contentOf(text)
      if (content !== undefined && nameOf(content) === name) frozen.set(name, content)
      else
        this.#find(name, 0, 'the file does not hold what its name says. Take it back from version control; what is frozen is never edited.')
    }
    return frozen
  }

  #schemas(): Schemas | undefined {
    try {
      return new Schemas(this.#catalogue, this.#upcasters)
    } catch (error) {
      const { type, from } = error instanceof JournalError ? (error.details as { type: string; from: number }) : { type: '', from: 0 }
      this.#find(type, from, (error as Error).message)
      return undefined
    }
  }

  /** Every frozen example, and one of each shape of today that was not frozen yet. */
  #examples(): FrozenShape[] {
    const examples = [...this.#frozen.values()].filter((file) => 'shape' in file)
    for (const [type, definition] of Object.entries(this.#catalogue.definitions)) {
      if (examples.some((one) => one.type === type && one.schema === definition.schema)) continue
      const made = this.#make(type, definition)
      if (made === undefined) continue
      examples.push(made)
      this.missing.set(shapeFile(made), made)
    }
    return examples
  }

  #make(type: string, { schema, data }: EventDefinition): FrozenShape | undefined {
    const shape = jsonSchema(data)
    const example = exampleOf(shape)
    const others = otherExamplesOf(shape).filter((other) => refusalOf(data, other) === undefined)
    if (refusalOf(data, example) === undefined) return { type, schema, data: example, others, shape }
    this.#find(
      type,
      schema,
      'no example could be made from its shape. Give one: .meta({ examples: [ … ] }) on its schema, or on the field that is hard to guess.',
    )
    return undefined
  }

  #judgeShape({ type, schema, shape }: FrozenShape): void {
    const now = this.#catalogue.definitions[type]
    if (now === undefined || schema < now.schema) return
    if (schema > now.schema) this.#find(type, schema, `the catalogue went back to schema ${now.schema}; journals hold schema ${schema}.`)
    else if (!isDeepStrictEqual(jsonSchema(now.data), shape))
      this.#find(
        type,
        schema,
        `its shape changed and its schema number did not. Make it schema ${schema + 1}, and add the upcaster from ${schema}.`,
      )
  }

  #judgeExamples(schemas: Schemas, { type, schema, data, others = [] }: FrozenShape): void {
    if (!schemas.knows(type))
      return this.#find(type, schema, 'nothing knows the type any more. Add a last step that renames, splits or drops it.')
    const before = this.findings.length
    this.#judgeExample(schemas, { type, schema }, data, CONTEXT)
    // One that shows what is wrong is enough.
    for (const other of others) if (this.findings.length === before) this.#judgeExample(schemas, { type, schema }, other, BARE)
  }

  #judgeExample(schemas: Schemas, { type, schema }: Shape, data: unknown, context: StepContext): void {
    const now = this.#catalogue.definitions[type]
    const refusal = now?.schema === schema ? refusalOf(now.data, data) : undefined
    if (refusal !== undefined)
      this.#find(type, schema, `its example is refused by today's catalogue: ${z.prettifyError(refusal)} The example is ${toLine(data)}.`)
    try {
      schemas.events({ stream: '', version: 1, position: 1, ...context, events: [{ type, schema, data, flags: 0 }] })
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
      const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
      this.#find(
        type,
        schema,
        `its example no longer becomes what today's catalogue accepts: ${error.message}${cause} The example is ${toLine(data)}.`,
      )
    }
  }

  #judgeStep(example: FrozenShape): void {
    const { type, schema } = example
    const step = this.#upcasters.find((one) => one.type === type && one.from === schema)
    const name = stepFile({ type, schema })
    const before = this.#frozen.get(name) as FrozenStep | undefined
    if (step === undefined) {
      if (before !== undefined) this.#find(type, schema, `its step was there when it was frozen and is not any more. Put it back.`)
      return
    }
    const answers = answersOf(step, example)
    if (answers === undefined) return
    if (!isDeepStrictEqual(answers, answersOf(step, example)))
      return this.#find(type, schema, 'its step gives another answer each time. Steps are pure: no clock, no chance, nothing kept.')
    if (before === undefined) this.missing.set(name, { type, schema, ...answers })
    else if (!isDeepStrictEqual(plain([answers.becomes, answers.others]), plain([before.becomes, before.others])))
      this.#find(
        type,
        schema,
        'its step gives another answer than when it was frozen. A step is never edited; put the change into the next one.',
      )
  }

  /** What steps answered is of no use without the example that they were asked with. */
  #judgeLeft(examples: readonly FrozenShape[]): void {
    for (const file of this.#frozen.values())
      if (!('shape' in file) && !examples.some(({ type, schema }) => type === file.type && schema === file.schema))
        this.#find(file.type, file.schema, 'its step is frozen and its shape is not any more. Take the file back from version control.')
  }

  #find(type: string, schema: number, reason: string): void {
    this.findings.push({ type, schema, reason })
  }
}

/** What the step makes of the examples; undefined where it throws, which is found when they are brought to today. */
function answersOf(step: Upcaster, { data, others }: FrozenShape): Pick<FrozenStep, 'becomes' | 'others'> | undefined {
  const becomes = answerOf(step, data, CONTEXT)
  const rest = others?.map((other) => answerOf(step, other, BARE))
  if (becomes === undefined || rest?.includes(undefined) === true) return undefined
  return { becomes, ...(rest === undefined ? {} : { others: rest as Answer[] }) }
}

function answerOf(step: Upcaster, data: unknown, context: StepContext): Answer | undefined {
  const { to = { type: step.type, schema: step.from + 1 } } = step
  try {
    const made = step.up(structuredClone(data) as never, structuredClone(context))
    if (!Array.isArray(to)) return shapesOf(to).map((shape) => ({ type: shape.type, schema: shape.schema, data: made }))
    const parts = made as { type: string; data: unknown }[]
    return parts.map((part) => ({
      type: part.type,
      schema: to.find((shape: { type: string }) => shape.type === part.type)?.schema ?? 0,
      data: part.data,
    }))
  } catch {
    return undefined
  }
}

function toLine(data: unknown): string {
  const line = toJson(data)
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

/** As it would be read back from the file. */
function plain(value: unknown): unknown {
  return fromText(toJson(value))
}

/** The shape as JSON Schema, in which bytes are of format `bytes`; what that has no word for, such as a refinement, stands as anything. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: written }) => {
      if (zodSchema._zod.def.type === 'custom' && z.safeParse(zodSchema, new Uint8Array(1)).success) written.format = 'bytes'
    },
  }) as JsonSchema
}
