/** The exporters. */
import type { Exporter } from './exporter.js'
import { claudeCode } from './kinds/claude-code.js'
import { pi } from './kinds/pi.js'

export const exporters: readonly Exporter[] = [claudeCode, pi]
