# Looks which programs an image has, and leaves what makes them callable. Carried out as root; told by variables: image,
# wanted (their names), asked (how one is asked for its version; nothing: others would begin to serve), enter (the file to
# leave), text (what stands in it).
install -d -m 755 "${enter%/*}"
printf %s "$text" > "$enter.new"
chmod 755 "$enter.new"
mv "$enter.new" "$enter"
once="docker run --rm --network none --log-driver none"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
$once --entrypoint sh "$image" -c '
for name in $1; do
  file=$(command -v "$name") || continue
  printf "program\t%s\t%s\t%s\n" "$name" "$file" "$([ ! "$2" ] || "$file" $2 2>/dev/null </dev/null | head -n 1)"
done' sh "$wanted" "$asked" 2>"$said" && exit 0
if ! grep -q 'executable file not found' "$said"; then
  cat "$said" >&2
  exit 1
fi
# It has no shell: what it is made to begin is all that it has.
begun='{{range .Config.Entrypoint}}{{println .}}{{end}}{{range .Config.Cmd}}{{println .}}{{end}}'
for file in $(docker image inspect --format "$begun" "$image"); do
  case " $wanted " in
  *" ${file##*/} "*)
    told=$([ ! "$asked" ] || $once --entrypoint "$file" "$image" $asked 2>/dev/null | head -n 1)
    printf 'program\t%s\t%s\t%s\n' "${file##*/}" "$file" "$told" ;;
  esac
done
