# A repository made, cloned over a pipe, changed, merged, packed, checked.
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='1700000000 +0000'
export GIT_COMMITTER_DATE='1700000000 +0000'
git config --global user.name Metic
git config --global user.email metic@example.org
git config --global init.defaultBranch main
git init -q origin
cd origin
for i in $(seq 60); do
	seq "$i" $((i * 37)) > "file$((i % 7))"
	echo "line $i" >> log
	git add -A
	git commit -qm "change $i"
done
git tag -a v1 -m one
cd ..
git clone -q --no-local "file://$PWD/origin" copy
cd copy
git log --oneline | wc -l
git checkout -q -b side HEAD~20
echo side > side
git add side
git commit -qm side
git merge -q -m merged main
git rev-parse HEAD 'v1^{tree}'
git gc -q --aggressive
git fsck --full --strict
git blame log | tail -n 2
git diff --stat HEAD~3 | tail -n 3
git grep -c 777 | sort
git rebase -q main~1 && git log -1 --format=%s
git archive HEAD | sha256sum
git bundle create -q ../all.bundle --all
git clone -q ../all.bundle third
git -C third status --short --branch
git push -q origin side
git -C ../origin branch
git format-patch -q -3 --stdout | git patch-id | cut -d' ' -f1
git count-objects -v | grep '^packs'
