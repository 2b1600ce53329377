#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh JAVAC JAR CLASSPATH DIRECTORY TARGET SOURCE... - compile in the directory, put into a jar.
set -eu
javac=$1 jar=$2 classpath=$3 directory=$4 target=$5
shift 5

rm -rf "$directory"
mkdir -p "$directory"
"$javac" -Xlint:all -Werror -d "$directory" -cp "$classpath" "$@"
"$jar" --create --file "$target" -C "$directory" .
