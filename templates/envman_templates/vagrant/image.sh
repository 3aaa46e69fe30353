# Looks which programs an image has, and leaves what makes them callable. Carried out as root; told by variables: image,
# wanted (their names), enter (the file to leave), text (what stands in it).
install -d -m 755 "${enter%/*}"
printf %s "$text" > "$enter.new"
chmod 755 "$enter.new"
mv "$enter.new" "$enter"
docker run --rm --network none --log-driver none --entrypoint sh "$image" -c '
for name in $1; do
  file=$(command -v "$name") || continue
  printf "program\t%s\t%s\t%s\n" "$name" "$file" "$("$file" --version 2>/dev/null </dev/null | head -n 1)"
done' sh "$wanted"
