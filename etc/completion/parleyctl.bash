# bash completion of parleyctl: commands, their options, and names that the server knows.
_parleyctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    local commands='status clients kick mute unmute mutes plugins verdicts review reload log'
    local options='--json --socket --help'

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -s | --socket) i=$((i + 1)) ;;
            -*) ;;
            *)
                command=${COMP_WORDS[i]}
                break
                ;;
        esac
    done
    case $before in
        -s | --socket)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        show)
            mapfile -t COMPREPLY < <(compgen -W "$(parleyctl plugins 2> /dev/null |
                awk 'NR > 1 { print $2 }')" -- "$word")
            return
            ;;
    esac
    case $command in
        '') options="$commands $options --version" ;;
        clients) options+=' --user --channel --limit' ;;
        kick) options+=' --reason --user' ;;
        mute) options+=' --channel --for --reason --section' ;;
        unmute) options+=' --channel --section' ;;
        mutes) options+=' --section' ;;
        verdicts) options+=' --user --channel --verdict --since --limit' ;;
        review) options+=' list release refuse --reason --section' ;;
        plugins) options+=' list chain show' ;;
        log) options+=' debug info warning error follow --follow --lines --level' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -F _parleyctl parleyctl
