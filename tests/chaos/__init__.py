"""`make chaos`: every part is hit by a seed, and what was acknowledged meanwhile is compared with what is there.

A room of the tests, since it judges the stack from outside and the stack knows nothing of it. Not part of `make e2e`,
as it runs for as long as it is told to.

    plan       which fault hits which part when: a pure function of the seed
    faults     what a fault does to a pod's processes or to a daemon of the node, and how it is taken back
    clients    predictions, outcomes, drift events, trainings and a promotion, each written down with its answer
    outside    what is there once all is quiet: Workflows, versions, aliases, servers, the record
    checker    compares the two; knows no cluster
    in_loop    how publish and recorded run in the loop's environment
    history    the lines of the file that is kept

Not done: clock skew, as no part of the stack can be given a clock of its own (the kernel's time namespaces leave the
clock of the day alone, and the Go programs are static, so that no library gets between); full disks, as the volumes of
the built-in cluster are folders of the machine's own disk, without a limit that could be reached by itself.
"""
