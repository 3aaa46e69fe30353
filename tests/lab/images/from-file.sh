# Sourced by the entrypoints: a variable may stand in a file, which NAME_FILE names; both at once is an error.
from_file() { # NAME [DEFAULT]
  local file=${1}_FILE value=${!1:-}
  if [ -n "$value" ] && [ -n "${!file:-}" ]; then
    echo "error: both $1 and $file are set (but are exclusive)" >&2; exit 1
  fi
  [ -z "${!file:-}" ] || value=$(<"${!file}")
  export "$1=${value:-${2:-}}"
  unset "$file"
}

# Sourced too: what stands in /docker-entrypoint-initdb.d is read once, in order, by the function that is named.
read_scripts() { # FUNCTION
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) "$1" <"$file" ;;
      *.sql.gz) gunzip -c "$file" | "$1" ;;
      *) echo "ignoring $file" ;;
    esac
  done
}
