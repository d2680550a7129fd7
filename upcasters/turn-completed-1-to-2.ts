/** `turn.completed` 1 → 2: the two counts move into `usage`, beside which other counts have room. */
import { defineUpcaster } from '../src/define.js'

export interface TurnCompleted1 {
  turnId: string
  inputTokens?: number
  outputTokens?: number
  [field: string]: unknown
}

export const turnCompleted1to2 = defineUpcaster({
  type: 'turn.completed',
  from: 1,
  up: ({ inputTokens, outputTokens, ...rest }: TurnCompleted1) => {
    if (inputTokens === undefined && outputTokens === undefined) return rest
    return {
      ...rest,
      usage: { ...(inputTokens === undefined ? {} : { inputTokens }), ...(outputTokens === undefined ? {} : { outputTokens }) },
    }
  },
})
