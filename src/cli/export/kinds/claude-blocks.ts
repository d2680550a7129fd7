/** Content as the Anthropic API has it, and Claude Code with it. */
import { bytesOf, inWords, isFields, type ContentPart, type Fields } from '../content.js'
import type { Losses } from '../losses.js'

/** `isOwn`: structures in it are blocks of this format. */
export function blocksOf(content: unknown, isOwn: boolean, losses: Losses): Fields[] {
  return ((content ?? []) as ContentPart[]).map((part) => blockOf(part, isOwn, losses))
}

function blockOf(part: ContentPart, isOwn: boolean, losses: Losses): Fields {
  if (part.type === 'text') return { ...part }
  const bytes = bytesOf(part)
  if (bytes !== undefined) return { type: 'image', source: { type: 'base64', media_type: bytes.mediaType, data: bytes.data } }
  if (part.type === 'image' && part.url !== undefined) return { type: 'image', source: { type: 'url', url: part.url } }
  if (part.type === 'json' && isOwn && isFields(part.value)) return part.value
  return { type: 'text', text: inWords(part, losses) }
}
