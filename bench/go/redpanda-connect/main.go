// Redpanda Connect with as many of its components as the migrator needs; the whole program takes far longer to build.
//
//	redpanda-connect run FILE.yaml
package main

import (
	"context"

	"github.com/redpanda-data/benthos/v4/public/service"
	_ "github.com/redpanda-data/connect/v4/public/components/kafka"
	_ "github.com/redpanda-data/connect/v4/public/components/redpanda"
)

func main() {
	service.RunCLI(context.Background())
}
