/** Parts of content, as other programs write them. */
import { createHash } from 'node:crypto'
import type { TranscriptItem } from '../../index.js'
import type { Losses } from './losses.js'

export type ContentPart = Extract<TranscriptItem, { type: 'input' }>['content'][number]
export type Fields = Record<string, unknown>

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** The object without the fields that are undefined. */
export const known = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** An id that follows from what it is for, in as many hexadecimal digits as are wanted. */
export const idFor = (what: string, digits: number): string => createHash('sha256').update(what).digest('hex').slice(0, digits)

/** A name of the form that many programs ask for, which follows from what it is for. */
export function uuidFor(what: string): string {
  const hex = idFor(what, 32)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}

export const isUuid = (id: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)

/** An image whose bytes stand in its URL. */
export function bytesOf(part: ContentPart): { mediaType: string; data: string } | undefined {
  const [, mediaType = '', data] = part.type === 'image' ? (/^data:([^;,]*);base64,(.*)$/s.exec(part.url ?? '') ?? []) : []
  return data === undefined ? undefined : { mediaType, data }
}

/** What another program has no block for, in words. */
export function inWords(part: ContentPart, losses: Losses): string {
  if (part.type === 'text') return part.text
  losses.add(`${part.type === 'json' ? 'a structure' : `a reference to ${part.type === 'image' ? 'an image' : 'a file'}`}, told as text`)
  return part.type === 'json' ? (JSON.stringify(part.value) ?? '') : `[${part.type}: ${part.name ?? part.path ?? part.url ?? ''}]`
}

/** A call takes an object. */
export function argumentsOf(given: unknown, losses: Losses): Fields {
  if (isFields(given)) return given
  losses.add('arguments that are no object, told as one')
  return { input: given }
}
