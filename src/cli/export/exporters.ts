/** The exporters. */
import type { Exporter } from './exporter.js'
import { claudeCode } from './kinds/claude-code.js'
import { codewhale } from './kinds/codewhale.js'
import { jsonl } from './kinds/jsonl.js'
import { markdown } from './kinds/markdown.js'
import { pi } from './kinds/pi.js'
import { ofThread } from './run-thread.js'

export const exporters: readonly Exporter[] = [jsonl, markdown, ofThread(claudeCode), codewhale, ofThread(pi)]
