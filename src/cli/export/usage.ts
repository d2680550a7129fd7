/** What model calls took, as other programs count it. */
import type { Usage } from '../../index.js'

/** Input that came from no cache and went into none is counted by itself. */
export function usageWithoutCaches({ inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0, cost = 0 }: Usage): {
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
  cost: number
} {
  const input = Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens)
  return { input, output: outputTokens, cacheRead: cacheReadTokens, cacheWrite: cacheWriteTokens, cost }
}
