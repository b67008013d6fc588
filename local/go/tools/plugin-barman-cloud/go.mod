module ml-loop/tools/plugin-barman-cloud

go 1.26.3

require github.com/cloudnative-pg/plugin-barman-cloud v0.13.0

