# Every target is a stage of .ci/run: make, make fast, make lint, make mutants …
.PHONY: all
all:
	@.ci/run
Makefile: ;
%:
	@.ci/run $@
