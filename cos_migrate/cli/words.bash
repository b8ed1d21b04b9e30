# Completes the words of cos-migrate in bash; source it in ~/.bashrc:
#   source <(cos-migrate --completion bash)
_cos_migrate() {
    local line=${COMP_LINE:0:COMP_POINT} previous=${COMP_WORDS[COMP_CWORD-1]}
    local word=${line##*[[:blank:]]} value known=
    value=${word#*=}
    case $word in
        -DmigrateType.type=*) known=@types@ ;;
        -D*=*) ;;
        -D*) known=@keys@; compopt -o nospace ;;
        -*) known=@options@ ;;
        *) [ "$previous" = --completion ] && known=@shells@ ;;
    esac
    COMPREPLY=()
    if [ -z "$known" ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$value")
    elif [[ $word == -DmigrateType.type=* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$known" -- "$value")
    else
        mapfile -t COMPREPLY < <(compgen -W "$known" -- "$word")
        # bash replaces only what stands behind the last "=".
        [[ $word == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
    fi
}
complete -F _cos_migrate cos-migrate start_migrate.sh
