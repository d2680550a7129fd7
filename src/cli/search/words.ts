/** Values as words: what a person would look for in them, without the marks that JSON puts around it. */
import type { TranscriptItem } from '../../index.js'

export type ContentPart = Extract<TranscriptItem, { type: 'input' }>['content'][number]

/** What parts of content say. Bytes that stand in a URL are no words. */
export function wordsIn(parts: readonly ContentPart[]): string {
  return parts.map(wordsOfPart).join('\n')
}

function wordsOfPart(part: ContentPart): string {
  if (part.type === 'text') return part.text
  if (part.type === 'json') return words(part.value)
  return [part.name, part.path, part.url?.startsWith('data:') === true ? undefined : part.url].filter((one) => one !== undefined).join('\n')
}

/** Every text and number in a value, in a line each behind the key it stands under. */
export function words(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(words).join('\n')
  if (value instanceof Uint8Array) return ''
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, inner]) => `${key}: ${words(inner)}`)
      .join('\n')
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}
