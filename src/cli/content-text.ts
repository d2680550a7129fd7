/** Content as a person reads it: text as it is, the rest by its name or place. */
import type { TranscriptItem } from '../index.js'

type Content = Extract<TranscriptItem, { type: 'input' }>['content']

export function contentText(content: Content): string {
  return content
    .map((part) => {
      if (part.type === 'text') return part.text
      if (part.type === 'json') return JSON.stringify(part.value)
      const where = part.name ?? part.path ?? (part.url?.startsWith('data:') === true ? part.mediaType : part.url)
      return `[${part.type}${where === undefined ? '' : `: ${where}`}]`
    })
    .join('\n')
}
