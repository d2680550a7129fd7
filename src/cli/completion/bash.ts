/** Completion for bash. */
import { optionsOf, type Command } from '../command.js'
import { argumentsOf, valuesOf, type Values } from './values.js'

export function bash(commands: readonly Command[]): string {
  const options = commands.flatMap((command) => Object.entries(optionsOf(command)).map(([name, option]) => ({ command, name, option })))
  const takingValues = options.filter(({ option }) => option.type === 'string')
  const places = commands.flatMap((command) => argumentsOf(command).map((one, i) => ({ one, command, i })))
  return `${[
    '# turnlog: completion for bash. Put this into ~/.bashrc, or: source <(turnlog completion bash)',
    '_turnlog() {',
    "  local IFS=$'\\n' word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} place=0 i",
    '  COMPREPLY=()',
    '  if ((COMP_CWORD == 1)); then',
    `    ${reply([...commands.map(({ name }) => name), '--help'])}`,
    '    return',
    '  fi',
    '  case "$command $before" in',
    ...takingValues.map(({ command, name, option }) => `    '${command.name} --${name}') ${reply(valuesOf(option))}; return ;;`),
    '  esac',
    '  if [[ $word == -* ]]; then',
    '    case $command in',
    ...commands.map((command) => `      ${command.name}) ${reply(Object.keys(optionsOf(command)).map((name) => `--${name}`))} ;;`),
    '    esac',
    '    return',
    '  fi',
    '  for ((i = 2; i < COMP_CWORD; i++)); do',
    '    case "$command ${COMP_WORDS[i]}" in',
    ...(takingValues.length === 0
      ? []
      : [`      ${takingValues.map(({ command, name }) => `'${command.name} --${name}'`).join(' | ')}) ((i++)) ;;`]),
    "      *' -'*) ;;",
    '      *) ((place++)) ;;',
    '    esac',
    '  done',
    '  case "$command $place" in',
    ...places.map(
      ({ command, i, one }) => `    '${command.name} ${i}'${one.repeats ? ` | '${command.name} '*` : ''}) ${reply(one.values)} ;;`,
    ),
    '  esac',
    '}',
    'complete -F _turnlog turnlog',
  ].join('\n')}\n`
}

/** Words of a shell, none of which needs to be quoted. */
function reply(values: Values): string {
  if (values === undefined) return ':'
  if (values === 'file' || values === 'directory')
    return `compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -${values === 'file' ? 'f' : 'd'} -- "$word"))`
  return `COMPREPLY=($(compgen -W $'${values.join('\\n')}' -- "$word"))`
}
