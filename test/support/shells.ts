/** What the tab key offers in a shell that knows a completion script. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporary } from './journal.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export const has = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0

/** Behind these words, of which the last is being written. */
export function offeredIn(shell: Shell, script: string, words: string[], cwd = temporary()): string[] {
  return [...new Set(ASKED[shell](script, words, cwd))].filter((one) => one !== '').toSorted()
}

const ASKED: Record<Shell, (script: string, words: string[], cwd: string) => string[]> = {
  bash(script, words, cwd) {
    const asks = `${script}
      COMP_WORDS=(turnlog ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
      $(complete -p turnlog | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['--norc', '-c', asks], { encoding: 'utf8', cwd }).split('\n')
  },
  fish(script, words, cwd) {
    const asks = `${script}\ncomplete -C "$ASKED"`
    const out = execFileSync('fish', ['--no-config', '-c', asks], { encoding: 'utf8', cwd, env: { ...process.env, ASKED: lineOf(words) } })
    return out.split('\n').map((offer) => (offer.split('\t')[0] as string).replace(/\/$/, ''))
  },
  /** Its completion works within its line editor alone, which wants a terminal. */
  zsh(script, words, cwd) {
    const own = temporary()
    mkdirSync(own, { recursive: true })
    const offers = join(own, 'offers')
    writeFileSync(join(own, '.zshrc'), ZSHRC)
    writeFileSync(join(own, 'script'), script)
    writeFileSync(offers, '')
    const env = { ...process.env, TERM: 'dumb', ZDOTDIR: own, SCRIPT: join(own, 'script'), OFFERS: offers, ASKED: lineOf(words) }
    execFileSync('zsh', ['-f', '-c', IN_TERMINAL], { cwd, env, timeout: 20_000 })
    return readFileSync(offers, 'utf8')
      .split('\n')
      .map((offer) => offer.replaceAll(/\\(.)/g, '$1'))
  },
}

const lineOf = (words: string[]): string => ['turnlog', ...words.map((word) => word.replaceAll(' ', '\\ '))].join(' ')

/** What is offered is written down on its way into zsh's own `compadd`; the tab key asks for it and ends the shell. */
const ZSHRC = `
PS1='ready>'
autoload -Uz compinit && compinit -u -D
source $SCRIPT
compadd() {
  local -a hits
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A hits "$@"
  print -rl -- $hits >> $OFFERS
  builtin compadd "$@"
}
zle -C offer list-choices _main_complete
tell() { zle offer; exit }
zle -N tell
bindkey '^I' tell
`

const IN_TERMINAL = `
zmodload zsh/zpty
zpty asked zsh -d -i
zpty -r asked line '*ready>*'
zpty -n -w asked $ASKED$'\\t'
while zpty -r asked line; do :; done
`
