/** Content blocks, as the formats write them, into parts. */
import { isFields, textOf, type Fields } from './fields.js'
import type { Part } from './moments.js'

/** A text, a block, or a list of them. */
export function partsOf(content: unknown): Part[] {
  return blocksOf(content).map(partOf)
}

export function blocksOf(content: unknown): unknown[] {
  if (Array.isArray(content)) return content
  return content === undefined || content === null || content === '' ? [] : [content]
}

/** Text as text, an image or file by reference (its bytes as a data URL where they stand in the source), the rest as it came. */
export function partOf(block: unknown): Part {
  if (typeof block === 'string') return { type: 'text', text: block }
  if (!isFields(block)) return { type: 'json', value: block }
  const said = TEXTS.has(block['type']) ? block['text'] : undefined
  if (typeof said === 'string') return { ...block, type: 'text', text: said }
  if (block['type'] === 'image' || block['type'] === 'image_url' || block['type'] === 'input_image') return imageOf(block)
  return { type: 'json', value: block }
}

const TEXTS = new Set<unknown>(['text', 'input_text', 'output_text', 'summary_text', undefined])

function imageOf(block: Fields): Part {
  const source = isFields(block['source']) ? block['source'] : block
  const mediaType = textOf(source['media_type']) ?? textOf(source['mimeType'])
  const data = textOf(source['data'])
  const nested = isFields(block['image_url']) ? block['image_url']['url'] : block['image_url']
  const url = data === undefined ? (textOf(source['url']) ?? textOf(nested)) : `data:${mediaType ?? ''};base64,${data}`
  return { type: 'image', ...(mediaType === undefined ? {} : { mediaType }), ...(url === undefined ? {} : { url }) }
}

/** All text in a content, one block below the other. */
export function textIn(content: unknown): string {
  return partsOf(content)
    .map((part) => (part.type === 'text' ? part.text : part.type === 'json' ? JSON.stringify(part.value) : `[${part.type}]`))
    .join('\n')
}
