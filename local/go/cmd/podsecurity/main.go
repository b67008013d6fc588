// Command podsecurity prints Kubernetes' own Pod Security verdict on pods, as the oracle the policy pack's rules are compared with.
//
// Input: one JSON object a line, {"metadata": <pod metadata>, "spec": <pod spec>}. Output: one JSON object a line,
// {"allowed": bool, "reason": string, "detail": string} for level restricted at the version given by -version.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func main() {
	version := flag.String("version", "latest", "Pod Security Standards version, such as v1.35")
	flag.Parse()
	if err := evaluate(*version); err != nil {
		fmt.Fprintln(os.Stderr, "podsecurity:", err)
		os.Exit(1)
	}
}

func evaluate(version string) error {
	parsed, err := api.ParseVersion(version)
	if err != nil {
		return err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: parsed}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(os.Stdout)
	for decoder.More() {
		var pod corev1.Pod
		if err := decoder.Decode(&pod); err != nil {
			return err
		}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		verdict := map[string]any{"allowed": result.Allowed, "reason": result.ForbiddenReason(), "detail": result.ForbiddenDetail()}
		if err := encoder.Encode(verdict); err != nil {
			return err
		}
	}
	return nil
}
