// weft-opt: reads IR at any stage, runs passes, prints.
#include "weft/InitAll.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  weft::registerPasses();
  mlir::DialectRegistry registry;
  weft::registerDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Weft's optimiser driver\n", registry));
}
