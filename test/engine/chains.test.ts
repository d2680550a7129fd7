/** Steps put together: where each shape leads, what is refused before anything is read, and what is wrong with what a step made. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { EventDefinition, Upcaster } from '../../src/define.js'
import { Chains, StepFault, type Stage } from '../../src/engine/chains.js'

const definitions = new Map<string, EventDefinition>([
  ['a', { schema: 3, data: z.looseObject({ n: z.number() }) }],
  ['b', { schema: 1, data: z.looseObject({ n: z.number() }) }],
])

/** A step of which nothing but where it leads is checked. */
function step(type: string, from: number, up: Upcaster['up'] = (data) => data, to?: Upcaster['to']): Upcaster {
  return { type, from, up, to }
}

const [one, two] = [step('a', 1), step('a', 2)]
const shape = (type: string, schema: number) => ({ type, schema })
const CONTEXT = { at: 5 }

function grown(chains: Chains, type: string, schema: number, data: unknown): [string, unknown][] {
  return chains.up(chains.stage({ type, schema }) as Stage, data, CONTEXT).map((event) => [event.type, event.data])
}

describe('steps', () => {
  test('lead from every shape to today’s, one after the other', () => {
    const add =
      (by: number): Upcaster['up'] =>
      (data) => ({ n: (data as { n: number }).n * 10 + by })
    const chains = new Chains(definitions, [step('a', 2, add(2)), step('a', 1, add(1))])
    expect(grown(chains, 'a', 1, { n: 7 })).toEqual([['a', { n: 712 }]])
    expect(grown(chains, 'a', 2, { n: 7 })).toEqual([['a', { n: 72 }]])
    expect(grown(chains, 'a', 3, { n: 7 })).toEqual([['a', { n: 7 }]])
    expect(['a', 'b', 'c'].map((type) => chains.newest(type))).toEqual([3, 1, 0])
    for (const [type, schema] of [
      ['a', 0],
      ['a', 4],
      ['c', 1],
    ] as const)
      expect(chains.stage({ type, schema })).toBeUndefined()
    expect(['a', 'b', 'c'].map((type) => [...chains.leadsTo(type)])).toEqual([['a'], ['b'], []])
  })

  test('lead to another type, to several, or to none, and on from there', () => {
    const splits = step(
      'old',
      1,
      (data) => [
        { type: 'a', data },
        { type: 'b', data },
        { type: 'a', data },
      ],
      [shape('a', 2), shape('b', 1)],
    )
    const renames = step('older', 1, undefined, shape('old', 1))
    const drops = step('gone', 1, () => [], [])
    const chains = new Chains(definitions, [one, two, splits, renames, drops])
    expect(grown(chains, 'older', 1, { n: 1 }).map(([type]) => type)).toEqual(['a', 'b', 'a'])
    expect(grown(chains, 'gone', 1, { n: 1 })).toEqual([])
    expect(['old', 'older', 'gone'].map((type) => [...chains.leadsTo(type)])).toEqual([['a', 'b'], ['a', 'b'], []])
    expect(['old', 'older', 'gone'].map((type) => chains.newest(type))).toEqual([1, 1, 1])
  })

  test('are told when the commit was', () => {
    const seen: unknown[] = []
    const chains = new Chains(definitions, [one, step('a', 2, (data, context) => (seen.push(context), data))])
    grown(chains, 'a', 1, { n: 1 })
    expect(seen).toEqual([CONTEXT])
  })

  test.each<[what: string, steps: Upcaster[], message: RegExp]>([
    ['one is missing', [two], /a from schema 1 to 2 is missing/],
    ['the last is missing', [one], /a from schema 2 to 3 is missing/],
    ['one stands twice', [one, two, step('a', 1)], /a from schema 1 to 2 stands twice/],
    ['a type out of use has a gap', [one, two, step('old', 2, undefined, shape('b', 1))], /old from schema 1 to 2 is missing/],
    ['it leads behind today', [one, two, step('a', 3)], /a@3 leads nowhere: the catalogue has @3/],
    ['it leads nowhere', [one, two, step('old', 1, undefined, shape('c', 1))], /old@1 leads nowhere: there is no c@1/],
    ['a type out of use just ends', [one, two, step('old', 1)], /old@1 leads nowhere: there is no old@2/],
    ['parts of one type', [one, two, step('old', 1, undefined, [shape('a', 1), shape('a', 2)])], /old@1 leads to one type twice/],
    [
      'they lead in a circle',
      [one, two, step('x', 1, undefined, shape('y', 1)), step('y', 1, undefined, shape('x', 1))],
      /lead in a circle, back to x@1/,
    ],
  ])('are refused where %s', (_, steps, message) => {
    expect(() => new Chains(definitions, steps)).toThrow(message)
  })

  test.each<[what: string, wrong: Upcaster, message: string]>([
    ['throws', step('a', 2, () => fail()), 'the step from a@2 threw'],
    ['returns a promise', step('a', 2, async (data) => data), 'the step from a@2 returned a promise; steps are synchronous'],
    ['makes what does not fit', step('a', 2, () => ({ n: 'x' })), 'what the steps made of it does not fit a@3'],
    ['makes nothing', step('a', 2, () => undefined), 'what the steps made of it does not fit a@3'],
  ])('that %s is named', (_, wrong, message) => {
    const chains = new Chains(definitions, [one, wrong])
    expect(() => grown(chains, 'a', 1, { n: 1 })).toThrow(new StepFault(message))
  })

  test.each<[made: unknown, message: string]>([
    [{}, 'the step from old@1 splits and did not return a list'],
    [
      [
        { type: 'b', data: { n: 1 } },
        { type: 'c', data: {} },
      ],
      'the step from old@1 returned a part of type "c", which it does not lead to',
    ],
    [[undefined], 'the step from old@1 returned a part of type undefined, which it does not lead to'],
    [[{ type: 'b', data: { n: 'x' } }], 'what the steps made of it does not fit b@1'],
  ])('that splits into %j is named', (made, message) => {
    const chains = new Chains(definitions, [one, two, step('old', 1, () => made, [shape('b', 1)])])
    expect(() => grown(chains, 'old', 1, { n: 1 })).toThrow(new StepFault(message))
  })
})

function fail(): never {
  throw new Error('no')
}
