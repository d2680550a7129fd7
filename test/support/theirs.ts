/** A module of somebody's own, as `turnlog freeze` and `turnlog upgrade --extend` load it. */
import { z } from 'zod'
import { defineEvents, defineUpcaster } from '../../src/index.js'

export const notesBefore = defineEvents({ 'note.added': { schema: 1, data: z.object({ text: z.string() }) } })
export const events = defineEvents({ 'note.added': { schema: 2, data: z.object({ text: z.string(), tags: z.array(z.string()) }) } })
export const upcasters = [
  defineUpcaster({ type: 'note.added', from: 1, up: (data: { text: string }) => ({ ...data, tags: [] as string[] }) }),
]
