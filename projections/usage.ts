/** Adding up what models used. */
import { z } from 'zod'
import type { Usage } from '../src/events.js'

export const tokens = z.object({
  input: z.number(),
  output: z.number(),
  cacheRead: z.number(),
  cacheWrite: z.number(),
  reasoning: z.number(),
  cost: z.number(),
})
export type Tokens = z.infer<typeof tokens>

export const noTokens: Tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, cost: 0 }

export function addUsage(sum: Tokens, usage: Usage | undefined): Tokens {
  if (usage === undefined) return sum
  return {
    input: sum.input + (usage.inputTokens ?? 0),
    output: sum.output + (usage.outputTokens ?? 0),
    cacheRead: sum.cacheRead + (usage.cacheReadTokens ?? 0),
    cacheWrite: sum.cacheWrite + (usage.cacheWriteTokens ?? 0),
    reasoning: sum.reasoning + (usage.reasoningTokens ?? 0),
    cost: sum.cost + (usage.cost ?? 0),
  }
}
