/** A catalogue of two ages: notes that were added, moved and seen became memos with tags and an author. For tests of upgrades. */
import { z } from 'zod'
import { defineEvents, defineLaw, defineProjection, defineUpcaster } from '../../src/index.js'

export const before = defineEvents({
  'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) },
  'note.moved': { schema: 1, data: z.looseObject({ from: z.string(), to: z.string() }) },
  'note.seen': { schema: 1, data: z.looseObject({}) },
  'later.kind': { schema: 1, data: z.looseObject({}), ignorable: true },
})
export const today = defineEvents({
  'memo.added': { schema: 3, data: z.looseObject({ text: z.string(), tags: z.array(z.string()), by: z.string() }) },
  'memo.removed': { schema: 1, data: z.looseObject({ text: z.string() }) },
})
/** What became of notes. */
export const noteSteps = [
  defineUpcaster({ type: 'note.added', from: 1, to: { type: 'memo.added', schema: 1 }, up: (data: { text: string }) => data }),
  defineUpcaster({
    type: 'note.moved',
    from: 1,
    to: [
      { type: 'memo.removed', schema: 1 },
      { type: 'memo.added', schema: 1 },
    ],
    up: ({ from, to }: { from: string; to: string }) => [
      { type: 'memo.removed', data: { text: from } },
      { type: 'memo.added', data: { text: to } },
    ],
  }),
  defineUpcaster({ type: 'note.seen', from: 1, to: [], up: () => [] }),
]
export const upcasters = [
  ...noteSteps,
  defineUpcaster({ type: 'memo.added', from: 1, up: (data: { text: string }) => ({ ...data, tags: [] as string[] }) }),
  defineUpcaster({
    type: 'memo.added',
    from: 2,
    up: (data: { text: string; tags: string[] }, { meta }) => {
      if (data.text === 'bad') throw new Error('cannot be brought up')
      return { ...data, by: meta?.actor ?? 'nobody' }
    },
  }),
]
export const memos = defineProjection(today, {
  name: 'memos',
  revision: 1,
  state: z.object({ texts: z.array(z.string()) }),
  key: (event) => event.stream,
  initial: () => ({ texts: [] as string[] }),
  on: {
    'memo.added': ({ texts }, { data }) => ({ texts: [...texts, data.text] }),
    'memo.removed': ({ texts }, { data }) => ({ texts: texts.filter((text) => text !== data.text) }),
  },
})
/** A memo's text is used once; memos that are there are open work. */
const once = defineLaw<{ there: number }>({
  name: 'once',
  revision: 1,
  initial: () => ({ there: 0 }),
  claims: ({ type, data }) => (type === 'memo.added' ? [(data as { text: string }).text] : []),
  apply: ({ there }, { type }) => ({ there: there + (type === 'memo.added' ? 1 : -1) }),
  isOpen: ({ there }) => there > 0,
})
export const parts = { events: today, upcasters, projections: [memos], laws: [once] }
