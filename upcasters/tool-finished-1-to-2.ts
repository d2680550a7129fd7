/** `tool.finished` 1 → 2: a text and a flag become a status and content. */
import { defineUpcaster } from '../src/define.js'

export interface ToolFinished1 {
  turnId: string
  callId: string
  output?: string
  isError?: boolean
  [field: string]: unknown
}

export const toolFinished1to2 = defineUpcaster({
  type: 'tool.finished',
  from: 1,
  up: ({ output, isError, ...rest }: ToolFinished1) => ({
    ...rest,
    status: isError === true ? ('error' as const) : ('ok' as const),
    ...(output === undefined ? {} : { content: [{ type: 'text' as const, text: output }] }),
  }),
})
