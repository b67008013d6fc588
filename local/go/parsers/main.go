// Parsers asks the parsers of Argo, CloudNativePG and Kubernetes what they make of the texts in a folder.
//
// Each file is a JSON object whose keys are the texts; the answers are written over its values. Our own rules are
// compared with these answers by tests. Run it by hand after adding texts, in this folder: go run . FOLDER
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloudnative-pg/machinery/pkg/types"
	cronOne "github.com/robfig/cron"
	cronThree "github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

type schedule interface{ Next(time.Time) time.Time }

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// runs says when a schedule is due first: "refused", or "never".
func runs(parsed schedule, err error) string {
	if err != nil {
		return "refused"
	}
	next := parsed.Next(start)
	if next.IsZero() {
		return "never"
	}
	return next.UTC().Format(time.RFC3339)
}

func argo(text string) string {
	// The controller first judges the text alone, then puts the zone in front and parses it again. It would panic here.
	if zone, _, found := strings.Cut(text, " "); strings.Contains(zone, "TZ=") && !found {
		return "refused"
	}
	if !strings.Contains(text, "TZ=") {
		if parsed, err := cronThree.ParseStandard(text); err != nil {
			return runs(parsed, err)
		}
		text = "CRON_TZ=Etc/UTC " + text
	}
	return runs(cronThree.ParseStandard(text))
}

func cloudNativePG(text string) string {
	if len(strings.Fields(text)) == 5 {
		text = "0 " + text
	}
	return runs(cronOne.Parse(text))
}

func quantity(text string) any {
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return nil
	}
	return parsed.String()
}

func moment(text string) any {
	parsed, err := types.ParseTargetTime(time.UTC, text)
	if err != nil {
		return nil
	}
	return parsed.UTC().Format(time.RFC3339Nano)
}

var answers = map[string]func(string) any{
	"cron.json": func(text string) any {
		return map[string]string{"argo": argo(text), "cloudnativepg": cloudNativePG(text)}
	},
	"quantity.json": quantity,
	"moment.json":   moment,
}

func answer(path string, ask func(string) any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	texts := map[string]any{}
	if err := json.Unmarshal(content, &texts); err != nil {
		return err
	}
	for text := range texts {
		texts[text] = ask(text)
	}
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(texts); err != nil {
		return err
	}
	return os.WriteFile(path, written.Bytes(), 0o644)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . FOLDER")
		os.Exit(2)
	}
	for name, ask := range answers {
		if err := answer(filepath.Join(os.Args[1], name), ask); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
