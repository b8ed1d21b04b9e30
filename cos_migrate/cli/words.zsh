#compdef cos-migrate start_migrate.sh
# Completes the words of cos-migrate in zsh; in ~/.zshrc, behind compinit:
#   source <(cos-migrate --completion zsh)
_cos_migrate() {
    local -a options keys types shells
    options=(@options@)
    keys=(@keys@)
    types=(@types@)
    shells=(@shells@)
    if [[ $PREFIX == -D*=* ]]; then
        local name=$PREFIX
        compset -P '*='
        if [[ $name == -DmigrateType.type=* ]]; then compadd -a types; else _files; fi
    elif [[ $PREFIX == -D* ]]; then
        _describe -o key keys -S ''
    elif [[ $PREFIX == -* ]]; then
        _describe -o option options
    elif [[ $words[CURRENT-1] == --completion ]]; then
        compadd -a shells
    else
        _files
    fi
}
if [[ $funcstack[1] == _cos_migrate ]]; then _cos_migrate "$@"
else compdef _cos_migrate cos-migrate start_migrate.sh
fi
